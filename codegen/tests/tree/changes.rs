//! The changes that QAPI calls compatible, made to a resolved schema.

use qapi_codegen::model::{
    Branch, Builtin, Command, Event, Info, Kind, Member, Schema, Type, TypeId, Value,
};

/// One kind of compatible change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    AddOptionalArgument,
    AddResultMember,
    AddEventMember,
    AddEnumValue,
    AddUnionBranch,
    AddAlternateBranch,
    ReorderMembers,
    ArgumentToAlternate,
    ArgumentToOptional,
    IntegerWidthOfArgument,
    AddCommand,
    AddEvent,
    RemoveCommand,
    RemoveEvent,
}

impl Change {
    pub(crate) const ALL: [Self; 14] = [
        Self::AddOptionalArgument,
        Self::AddResultMember,
        Self::AddEventMember,
        Self::AddEnumValue,
        Self::AddUnionBranch,
        Self::AddAlternateBranch,
        Self::ReorderMembers,
        Self::ArgumentToAlternate,
        Self::ArgumentToOptional,
        Self::IntegerWidthOfArgument,
        Self::AddCommand,
        Self::AddEvent,
        Self::RemoveCommand,
        Self::RemoveEvent,
    ];

    /// In how many places it may apply.
    pub(crate) fn places(self, schema: &Schema) -> usize {
        match self {
            Self::AddEventMember | Self::RemoveEvent => schema.events.len(),
            Self::AddOptionalArgument | Self::RemoveCommand => schema.commands.len(),
            Self::AddCommand | Self::AddEvent => 1,
            _ => schema.commands.len() + schema.types.len(),
        }
    }

    /// Makes the change at a place; `pick` chooses among members and types. Whether it applied.
    pub(crate) fn apply(self, schema: &mut Schema, place: usize, pick: usize) -> bool {
        match self {
            Self::AddOptionalArgument => {
                let data = own_arguments(schema, place);
                add_member(schema, data, true, pick)
            }
            Self::AddResultMember => add_result_member(schema, place, pick),
            Self::AddEventMember => {
                let data = own_data(schema, place);
                add_member(schema, data, pick.is_multiple_of(2), pick / 2)
            }
            Self::AddEnumValue => of_type(schema, place).is_some_and(|ty| add_value(schema, ty)),
            Self::AddUnionBranch => of_type(schema, place).is_some_and(|ty| add_branch(schema, ty)),
            Self::AddAlternateBranch => {
                of_type(schema, place).is_some_and(|ty| add_form(schema, ty, pick))
            }
            Self::ReorderMembers => {
                let ty = of_type(schema, place).unwrap_or_else(|| own_arguments(schema, place));
                reorder(schema, ty, pick)
            }
            Self::ArgumentToAlternate => change_input(schema, place, pick, to_alternate),
            Self::ArgumentToOptional => change_input(schema, place, pick, to_optional),
            Self::IntegerWidthOfArgument => change_input(schema, place, pick, to_other_width),
            Self::AddCommand => add_command(schema, pick),
            Self::AddEvent => add_event(schema, pick),
            Self::RemoveCommand => remove(&mut schema.commands, place),
            Self::RemoveEvent => remove(&mut schema.events, place),
        }
    }
}

/// The type of a place behind the commands.
fn of_type(schema: &Schema, place: usize) -> Option<TypeId> {
    let at = place.checked_sub(schema.commands.len())?;
    (at < schema.types.len()).then_some(TypeId(at as u32))
}

/// The arguments of a command as a type of their own, so that nothing else changes with them.
fn own_arguments(schema: &mut Schema, command: usize) -> TypeId {
    let at = command % schema.commands.len();
    let data = copy(schema, schema.commands[at].data);
    schema.commands[at].data = Some(data);
    data
}

/// The data of an event as a type of their own.
fn own_data(schema: &mut Schema, event: usize) -> TypeId {
    let at = event % schema.events.len();
    let data = copy(schema, schema.events[at].data);
    schema.events[at].data = Some(data);
    data
}

fn copy(schema: &mut Schema, ty: Option<TypeId>) -> TypeId {
    let empty = Kind::Struct { members: Vec::new(), base: None, inherited: 0, implicit: true };
    let kind = ty.map_or(empty, |id| schema.ty(id).kind.clone());
    add_type(schema, kind)
}

fn add_type(schema: &mut Schema, kind: Kind) -> TypeId {
    let info = info(format!("Synthetic{}", schema.types.len()));
    schema.types.push(Type { info, kind });
    TypeId(schema.types.len() as u32 - 1)
}

fn info(name: String) -> Info {
    Info { name, module: None, condition: None, features: Vec::new(), since: None }
}

fn members_mut(schema: &mut Schema, ty: TypeId) -> Option<&mut Vec<Member>> {
    match &mut schema.types[ty.0 as usize].kind {
        Kind::Struct { members, .. } | Kind::Union { members, .. } => Some(members),
        _ => None,
    }
}

fn add_member(schema: &mut Schema, to: TypeId, optional: bool, pick: usize) -> bool {
    let ty = TypeId((pick % schema.types.len()) as u32);
    let Some(members) = members_mut(schema, to) else { return false };
    let name = format!("synthetic-{}", members.len());
    let member = Member { name, ty, optional, condition: None, features: Vec::new(), since: None };
    members.insert(pick % (members.len() + 1), member);
    move_tag(schema, to, pick);
    true
}

/// Keeps the discriminator of a union where the member of its index moved.
fn move_tag(schema: &mut Schema, ty: TypeId, inserted: usize) {
    if let Kind::Union { members, tag, .. } = &mut schema.types[ty.0 as usize].kind {
        let at = inserted % members.len();
        *tag += usize::from(at <= *tag);
    }
}

/// Adds what is always there only where it is never input.
fn add_result_member(schema: &mut Schema, place: usize, pick: usize) -> bool {
    let has_members = |ty: &TypeId| !schema.members(*ty).is_empty();
    let Some(ty) = of_type(schema, place).filter(has_members) else { return false };
    let is_input = inputs(schema)[ty.0 as usize];
    outputs(schema)[ty.0 as usize]
        && add_member(schema, ty, is_input || pick.is_multiple_of(2), pick / 2)
}

fn add_value(schema: &mut Schema, ty: TypeId) -> bool {
    let Kind::Enum { values, .. } = &mut schema.types[ty.0 as usize].kind else { return false };
    let name = format!("synthetic-{}", values.len());
    values.push(Value { name, condition: None, features: Vec::new(), since: None });
    true
}

fn add_branch(schema: &mut Schema, ty: TypeId) -> bool {
    let Kind::Union { members, tag, .. } = &schema.ty(ty).kind else { return false };
    let tag = members[*tag].ty;
    add_value(schema, tag);
    let Kind::Enum { values, .. } = &schema.ty(tag).kind else { return false };
    let name = values[values.len() - 1].name.clone();
    let added = copy(schema, None);
    add_member(schema, added, false, 0);
    push_branch(schema, ty, name, added)
}

fn add_form(schema: &mut Schema, ty: TypeId, pick: usize) -> bool {
    let Kind::Alternate { branches } = &schema.ty(ty).kind else { return false };
    let name = format!("synthetic-{}", branches.len());
    let form = builtin(schema, [Builtin::Null, Builtin::Bool, Builtin::Str][pick % 3]);
    push_branch(schema, ty, name, form)
}

fn push_branch(schema: &mut Schema, to: TypeId, name: String, ty: TypeId) -> bool {
    match &mut schema.types[to.0 as usize].kind {
        Kind::Union { branches, .. } | Kind::Alternate { branches } => {
            branches.push(Branch { name, ty, condition: None });
            true
        }
        _ => false,
    }
}

fn reorder(schema: &mut Schema, ty: TypeId, pick: usize) -> bool {
    let kind = &mut schema.types[ty.0 as usize].kind;
    let (Kind::Struct { members, .. } | Kind::Union { members, .. }) = kind else { return false };
    let count = members.len();
    if count < 2 {
        return false;
    }
    let by = 1 + pick % (count - 1);
    members.rotate_left(by);
    if let Kind::Union { tag, .. } = kind {
        *tag = (*tag + count - by) % count;
    }
    true
}

/// Changes a member of a command's arguments, or of a type that is input only.
fn change_input(
    schema: &mut Schema,
    place: usize,
    pick: usize,
    change: fn(&mut Schema, &mut Member, usize) -> bool,
) -> bool {
    let ty = match of_type(schema, place) {
        None => own_arguments(schema, place),
        Some(ty) if schema.members(ty).is_empty() => return false,
        Some(ty) if inputs(schema)[ty.0 as usize] && !outputs(schema)[ty.0 as usize] => ty,
        Some(_) => return false,
    };
    let candidates: Vec<_> = match &schema.ty(ty).kind {
        Kind::Struct { members, .. } => (0..members.len()).collect(),
        Kind::Union { members, tag, .. } => (0..members.len()).filter(|at| at != tag).collect(),
        _ => Vec::new(),
    };
    if candidates.is_empty() {
        return false;
    }
    let at = candidates[pick % candidates.len()];
    let mut member = schema.members(ty)[at].clone();
    let changed = change(schema, &mut member, pick / candidates.len());
    if let Some(members) = members_mut(schema, ty) {
        members[at] = member;
    }
    changed
}

fn to_optional(_: &mut Schema, member: &mut Member, _: usize) -> bool {
    !std::mem::replace(&mut member.optional, true)
}

fn to_alternate(schema: &mut Schema, member: &mut Member, pick: usize) -> bool {
    let element = match schema.ty(member.ty).kind {
        Kind::Alternate { .. } | Kind::Builtin(Builtin::Any | Builtin::Null) => return false,
        Kind::Array(element) if pick.is_multiple_of(2) => Some(element),
        _ => None,
    };
    let forms = [element.unwrap_or(member.ty), builtin(schema, Builtin::Null)];
    if element.is_some_and(|id| matches!(schema.ty(id).kind, Kind::Alternate { .. })) {
        return false;
    }
    let branch = |(at, ty)| Branch { name: format!("form-{at}"), ty, condition: None };
    let branches = forms.into_iter().enumerate().map(branch).collect();
    let alternate = add_type(schema, Kind::Alternate { branches });
    member.ty = match element {
        Some(_) => add_type(schema, Kind::Array(alternate)),
        None => alternate,
    };
    true
}

fn to_other_width(schema: &mut Schema, member: &mut Member, pick: usize) -> bool {
    let (element, is_list) = match schema.ty(member.ty).kind {
        Kind::Array(element) => (element, true),
        _ => (member.ty, false),
    };
    let Kind::Builtin(old) = schema.ty(element).kind else { return false };
    let new = INTEGERS[pick % INTEGERS.len()];
    if !INTEGERS.contains(&old) || old == new {
        return false;
    }
    let new = builtin(schema, new);
    member.ty = if is_list { add_type(schema, Kind::Array(new)) } else { new };
    true
}

const INTEGERS: [Builtin; 8] = [
    Builtin::Int8,
    Builtin::Int16,
    Builtin::Int32,
    Builtin::Int64,
    Builtin::Uint8,
    Builtin::Uint16,
    Builtin::Uint32,
    Builtin::Uint64,
];

fn builtin(schema: &mut Schema, builtin: Builtin) -> TypeId {
    let is = |ty: &Type| matches!(ty.kind, Kind::Builtin(found) if found == builtin);
    match schema.types.iter().position(is) {
        Some(at) => TypeId(at as u32),
        None => add_type(schema, Kind::Builtin(builtin)),
    }
}

fn add_command(schema: &mut Schema, pick: usize) -> bool {
    let name = format!("synthetic-{}", schema.types.len());
    let data = copy(schema, None);
    add_member(schema, data, pick.is_multiple_of(2), pick / 2);
    schema.commands.push(Command {
        info: info(name),
        data: Some(data),
        returns: None,
        boxed: false,
        generated: true,
        success_response: true,
        allow_oob: false,
        allow_preconfig: false,
        coroutine: false,
    });
    true
}

fn add_event(schema: &mut Schema, pick: usize) -> bool {
    let name = format!("SYNTHETIC_EVENT_{}", schema.types.len());
    let data = copy(schema, None);
    add_member(schema, data, pick.is_multiple_of(2), pick / 2);
    schema.events.push(Event { info: info(name), data: Some(data), boxed: false });
    true
}

fn remove<T>(definitions: &mut Vec<T>, place: usize) -> bool {
    if definitions.is_empty() {
        return false;
    }
    definitions.remove(place % definitions.len());
    true
}

/// Which types are in reach of arguments, by their index.
fn inputs(schema: &Schema) -> Vec<bool> {
    reached(schema, schema.commands.iter().filter_map(|command| command.data))
}

/// Which types are in reach of results and events.
fn outputs(schema: &Schema) -> Vec<bool> {
    let results = schema.commands.iter().filter_map(|command| command.returns);
    reached(schema, results.chain(schema.events.iter().filter_map(|event| event.data)))
}

fn reached(schema: &Schema, roots: impl Iterator<Item = TypeId>) -> Vec<bool> {
    let mut open: Vec<_> = roots.collect();
    let mut reached = vec![false; schema.types.len()];
    while let Some(ty) = open.pop() {
        if !std::mem::replace(&mut reached[ty.0 as usize], true) {
            open.extend(schema.members(ty).iter().map(|member| member.ty));
            match &schema.ty(ty).kind {
                Kind::Array(element) => open.push(*element),
                Kind::Union { branches, .. } | Kind::Alternate { branches } => {
                    open.extend(branches.iter().map(|branch| branch.ty));
                }
                _ => {}
            }
        }
    }
    reached
}
