#compdef qapi-dbus
# Completion of qapi-dbus for zsh: the program itself knows what may come next.

_qapi_dbus() {
    local line
    local -a lines whole whole_told begun begun_told
    lines=("${(@f)$("${words[1]}" complete zsh -- "${(@Q)words[1,CURRENT]}" 2>/dev/null)}")
    for line in "${(@)lines}"; do
        [[ -n $line ]] || continue
        # Where a word goes on no space follows.
        if [[ ${line%%$'\t'*} == *[=.:/] ]]; then
            begun+=("${line%%$'\t'*}")
            begun_told+=("${line%%$'\t'*}  ${line#*$'\t'}")
        else
            whole+=("${line%%$'\t'*}")
            whole_told+=("${line%%$'\t'*}  ${line#*$'\t'}")
        fi
    done
    if (( $#whole + $#begun == 0 )); then
        _files
        return
    fi
    (( $#whole == 0 )) || compadd -l -d whole_told -a whole
    (( $#begun == 0 )) || compadd -l -S '' -d begun_told -a begun
}

if [[ $funcstack[1] == _qapi-dbus ]]; then
    _qapi_dbus "$@"
else
    compdef _qapi_dbus qapi-dbus
fi
