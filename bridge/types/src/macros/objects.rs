//! Structs and unions.

/// How a member is stored, what its setter takes, and the way from the one to the other.
macro_rules! stored {
    (plain $ty:ty) => { $ty };
    (into $ty:ty) => { $ty };
    (list $ty:ty) => { Vec<$ty> };
    (each $ty:ty) => { Vec<$ty> };
}
macro_rules! given {
    (plain $ty:ty) => { $ty };
    (into $ty:ty) => { impl Into<$ty> };
    (list $ty:ty) => { impl IntoIterator<Item = $ty> };
    (each $ty:ty) => { impl IntoIterator<Item = impl Into<$ty>> };
}
macro_rules! taken {
    (plain $value:ident) => {
        $value
    };
    (into $value:ident) => {
        $value.into()
    };
    (list $value:ident) => {
        $value.into_iter().collect()
    };
    (each $value:ident) => {
        $value.into_iter().map(Into::into).collect()
    };
}

/// A struct or union.
macro_rules! object {
    ($(#[$meta:meta])* $Name:ident {
        $(tag $tag:ident $tag_name:literal $Branch:ty;)?
        $(must $(#[$must_meta:meta])* $must:ident $must_name:literal $must_kind:ident $Must:ty;)*
        $(may $(#[$may_meta:meta])* $may:ident $may_name:literal $may_kind:ident $May:ty;)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $Name {
            $(#[doc = concat!("`", $tag_name, "`, and what comes with it.")] pub $tag: $Branch,)?
            $(#[doc = concat!("`", $must_name, "`")] $(#[$must_meta])*
              pub $must: stored!($must_kind $Must),)*
            $(#[doc = concat!("`", $may_name, "`")] $(#[$may_meta])*
              pub $may: Option<stored!($may_kind $May)>,)*
            /// Members that the schemas do not know.
            pub unlisted: $crate::Members,
        }
        #[allow(clippy::new_without_default, reason = "most have mandatory members")]
        impl $Name {
            /// With its mandatory members.
            #[allow(clippy::too_many_arguments, reason = "the schema decides")]
            #[inline]
            pub fn new($($tag: $Branch,)? $($must: given!($must_kind $Must)),*) -> Self {
                Self {
                    $($tag,)?
                    $($must: taken!($must_kind $must),)*
                    $($may: None,)*
                    unlisted: Default::default(),
                }
            }
            $(#[doc = concat!("With `", $may_name, "`.")] $(#[$may_meta])* #[must_use]
            #[inline]
            pub fn $may(mut self, $may: given!($may_kind $May)) -> Self {
                self.$may = Some(taken!($may_kind $may));
                self
            })*
            /// With a member that the schemas do not know.
            #[must_use]
            #[inline]
            pub fn unlisted(
                mut self,
                name: impl Into<std::string::String>,
                value: impl Into<$crate::Value>,
            ) -> Self {
                self.unlisted.insert(name.into(), value.into());
                self
            }
        }
        impl $crate::Fields for $Name {
            #[inline]
            fn each(&self, _f: &mut dyn FnMut(&str, &dyn $crate::Viewed)) {
                $(_f($tag_name, &$crate::Branch::tag(&self.$tag));
                  $crate::Branch::each(&self.$tag, _f);)?
                $(_f($must_name, &self.$must);)*
                $(if let Some(value) = &self.$may { _f($may_name, value) })*
            }
            #[inline]
            fn unlisted(&self) -> Option<&$crate::Members> {
                Some(&self.unlisted)
            }
        }
        impl $crate::Object for $Name {
            #[inline]
            fn take(_members: &mut $crate::Members) -> Result<Self, $crate::Mismatch> {
                Ok(Self {
                    $($tag: {
                        let tag = $crate::object::must(_members, $tag_name)?;
                        $crate::Branch::take(tag, _members)?
                    },)?
                    $($must: $crate::object::must(_members, $must_name)?,)*
                    $($may: $crate::object::may(_members, $may_name)?,)*
                    unlisted: Default::default(),
                })
            }
            #[inline]
            fn keep(&mut self, unlisted: $crate::Members) {
                self.unlisted = unlisted;
            }
        }
        wire! { $Name, "a{sv}" "aa{sv}" Object, self => $crate::View::Object(self),
                value => $crate::Object::from_object(value) }
    };
}

/// The part of a union that its discriminator decides.
macro_rules! branches {
    ($(#[$meta:meta])* $Name:ident {
        $(with $With:ident $with_name:literal $Data:ty;)*
        $(bare $Bare:ident $bare_name:literal;)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        #[allow(clippy::large_enum_variant, reason = "one of them is built at a time")]
        pub enum $Name {
            $(#[doc = concat!("`", $with_name, "`")] $With($Data),)*
            $(#[doc = concat!("`", $bare_name, "`, which has no members of its own.")] $Bare,)*
            /// A value that the schemas do not know.
            Unlisted(std::string::String),
        }
        impl $crate::Branch for $Name {
            #[inline]
            fn tag(&self) -> &str {
                match self {
                    $(Self::$With(_) => $with_name,)*
                    $(Self::$Bare => $bare_name,)*
                    Self::Unlisted(tag) => tag,
                }
            }
            #[inline]
            fn each(&self, f: &mut dyn FnMut(&str, &dyn $crate::Viewed)) {
                match self {
                    $(Self::$With(data) => $crate::object::each_with_unlisted(data, f),)*
                    _ => {}
                }
            }
            #[inline]
            fn take(
                tag: std::string::String,
                members: &mut $crate::Members,
            ) -> Result<Self, $crate::Mismatch> {
                Ok(match tag.as_str() {
                    $($with_name => Self::$With($crate::Object::take(members)?),)*
                    $($bare_name => Self::$Bare,)*
                    _ => Self::Unlisted(tag),
                })
            }
        }
    };
}

/// Arguments that are a union by themselves: `blockdev-add`.
macro_rules! boxed {
    ($(#[$meta:meta])* $Name:ident $Data:ty;) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Name(
            /// All arguments.
            pub $Data,
        );
        impl $Name {
            /// With these arguments.
            #[inline]
            pub fn new(arguments: impl Into<$Data>) -> Self {
                Self(arguments.into())
            }
        }
        impl $crate::Fields for $Name {
            #[inline]
            fn each(&self, f: &mut dyn FnMut(&str, &dyn $crate::Viewed)) {
                $crate::Fields::each(&self.0, f);
            }
            #[inline]
            fn unlisted(&self) -> Option<&$crate::Members> {
                $crate::Fields::unlisted(&self.0)
            }
        }
        impl $crate::Object for $Name {
            #[inline]
            fn take(members: &mut $crate::Members) -> Result<Self, $crate::Mismatch> {
                $crate::Object::take(members).map(Self)
            }
            #[inline]
            fn keep(&mut self, unlisted: $crate::Members) {
                $crate::Object::keep(&mut self.0, unlisted);
            }
        }
        wire! { $Name, "a{sv}" "aa{sv}" Object, self => $crate::View::Object(self),
                value => $crate::Object::from_object(value) }
    };
}
