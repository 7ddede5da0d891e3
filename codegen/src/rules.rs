//! Everything the releases of the language disagree about, in one table.

use crate::dialect::Dialect;

/// The rules of one dialect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether commands are lists, and events have no keyword.
    pub(crate) commands_are_lists: bool,
    /// How documentation comments are judged; none leaves them alone.
    pub(crate) documentation: Option<Documentation>,
    /// Whether there is a pragma `documentation-exceptions`.
    pub(crate) documentation_exceptions: bool,
    /// Whether a union may be a branch of another.
    pub(crate) union_in_branch: bool,
    /// Whether conditional members are for boxed arguments and data only.
    pub(crate) conditions_need_boxed: bool,
    /// Names of features that one schema may have, the special ones included.
    pub(crate) features: usize,
}

/// The rules for documentation comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Documentation {
    /// 7.2: descriptions of members may be missing; text lines up with its first line.
    Aligned,
    /// Since 10.0: every member has a description; text is indented.
    Indented {
        /// Whether `=` begins a heading, for which there is one place only.
        headings: bool,
        /// Whether the width of lines and the space between sentences count.
        typography: bool,
    },
}

impl Rules {
    /// The rules of this dialect.
    pub(crate) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Lenient => LENIENT,
            Dialect::Q2011 => Q2011,
            Dialect::V7_2 => V7_2,
            Dialect::V10_0 => V10_0,
            Dialect::V10_2 => V10_2,
        }
    }
}

const LENIENT: Rules = Rules {
    commands_are_lists: false,
    documentation: None,
    documentation_exceptions: true,
    union_in_branch: true,
    conditions_need_boxed: false,
    features: 64,
};

const Q2011: Rules = Rules { commands_are_lists: true, ..LENIENT };

const V7_2: Rules = Rules {
    commands_are_lists: false,
    documentation: Some(Documentation::Aligned),
    documentation_exceptions: false,
    union_in_branch: false,
    conditions_need_boxed: false,
    features: usize::MAX,
};

const V10_0: Rules = Rules {
    commands_are_lists: false,
    documentation: Some(Documentation::Indented { headings: true, typography: false }),
    documentation_exceptions: true,
    union_in_branch: true,
    conditions_need_boxed: true,
    features: 64,
};

const V10_2: Rules = Rules {
    documentation: Some(Documentation::Indented { headings: false, typography: true }),
    ..V10_0
};
