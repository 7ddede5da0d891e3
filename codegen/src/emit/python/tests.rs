use super::*;
use crate::dbus::{Protocol, tests::interface};

const MACHINE: &str = "
    { 'enum': 'Kind', 'data': [ 'file', 'none', 'pipe' ] }
    { 'struct': 'File', 'data': { 'path': 'str', '*next': 'Target', '*class': 'bool' } }
    { 'struct': 'Pipe', 'data': { 'size-max': 'size' } }
    { 'union': 'Target', 'base': { 'kind': 'Kind', '*id': 'str' }, 'discriminator': 'kind',
      'data': { 'file': 'File', 'pipe': 'Pipe' } }
    { 'union': 'Wrapped', 'base': { 'a-kind': 'Kind' }, 'discriminator': 'a-kind',
      'data': { 'file': 'Target' } }
    { 'alternate': 'Either', 'data': { 'name': 'str', 'none': 'null' } }
    { 'command': 'run-job', 'data': { 'job-id': 'str', '*to': 'Either', '*class': 'Kind' },
      'returns': [ 'Wrapped' ] }
    { 'command': 'open', 'data': 'Target', 'boxed': true }
    { 'event': 'STOP', 'data': { 'reason': 'Kind' } }
    { 'command': 'stop' }
";

fn emitted() -> Vec<(String, String)> {
    let release = Release { protocol: Protocol::Qmp, versions: "1.0" };
    emit_python(&interface(&[MACHINE]), &release)
}

fn assert_holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
}

#[test]
fn types_are_as_expected() {
    let [(name, text), _] = emitted().try_into().unwrap();
    assert_eq!(name, "qmp.py");
    assert_holds(
        &text,
        &[
            "Kind: t.TypeAlias = t.Union[t.Literal[\"file\", \"none\", \"pipe\"], str]\n",
            "Either: t.TypeAlias = \"str | None\"\n",
            "\"next\": \"t.NotRequired[Target]\",\n        \"class\": \"t.NotRequired[bool]\",\n",
            "class _Target(t.TypedDict):\n    id: t.NotRequired[str]\n",
            "class Target_file(_Target, File):\n    kind: t.Literal[\"file\"]\n",
            "class Target_(_Target):\n    kind: t.Literal[\"none\"]\n",
            "Target = t.Union[\"Target_file\", \"Target_pipe\", \"Target_\"]\n",
            "_Wrapped_file_Target_pipe = t.TypedDict(\"_Wrapped_file_Target_pipe\", \
             {\"a-kind\": \"t.Literal['file']\"})\n\n\n\
             class Wrapped_file_Target_pipe(_Wrapped, Target_pipe, _Wrapped_file_Target_pipe):\n",
            "class StopData(t.TypedDict):\n    reason: Kind\n",
            "STOP: EventType[StopData] = EventType(\"STOP\", \"StopEvent\", (\"reason\",))\n",
            "    \"StopEvent\": STOP,\n",
        ],
    );
}

#[test]
fn commands_are_as_expected() {
    let [_, (name, text)] = emitted().try_into().unwrap();
    assert_eq!(name, "_qmp.py");
    let page = "https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html";
    let stop = format!(
        "    def stop(self) -> None:\n        \"\"\"{page}#command-QMP-machine.stop\"\"\"\n        \
         self._call(\"Stop\", \"\", (), {{}})\n"
    );
    assert_holds(
        &text,
        &[
            "class AsyncQmpCommands(AsyncCaller):\n",
            "class QmpCommands(Caller):\n",
            &stop,
            "    async def run_job(\n        self,\n        job_id: str,\n        *,\n        \
             to: q.Either | Unset = UNSET,\n        class_: q.Kind | None = None,\n    \
             ) -> list[q.Wrapped]:\n",
            "        return await self._call(\n            \"RunJob\",\n            \"sa{sv}\",\n            \
             (\"job-id\",),\n            {\"job-id\": job_id, \"to\": NULL if to is None else to, \
             \"class\": class_},\n        )\n",
            "    def open(self, arguments: q.Target) -> None:\n",
            "        self._call(\"Open\", \"sa{sv}\", (\"kind\",), arguments)\n",
        ],
    );
}
