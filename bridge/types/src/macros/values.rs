//! Enumerations and alternates, and what all types have.

/// An enumeration, open to values of a newer peer.
macro_rules! enumeration {
    ($(#[$meta:meta])* $Name:ident { $($(#[$value_meta:meta])* $Value:ident $name:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $Name {
            $(#[doc = concat!("`", $name, "`")] $(#[$value_meta])* $Value,)*
            /// A value that the schemas do not know.
            Unlisted(std::string::String),
        }
        impl $Name {
            /// The values that the schemas know.
            pub const VALUES: &'static [&'static str] = &[$($name),*];

            /// The QAPI name.
            #[inline]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$Value => $name,)*
                    Self::Unlisted(name) => name,
                }
            }
        }
        impl From<&str> for $Name {
            #[inline]
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$Value,)*
                    _ => Self::Unlisted(name.into()),
                }
            }
        }
        impl std::fmt::Display for $Name {
            #[inline]
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
        wire! { $Name, "s" "as" Str, self => $crate::View::Str(self.as_str()),
                value => <std::string::String as $crate::Wire>::from_value(value)
                    .map(|name| Self::from(name.as_str())) }
    };
}

/// An alternate: forms that differ in their JSON kind.
macro_rules! alternate {
    ($(#[$meta:meta])* $Name:ident {
        $($Form:ident $name:literal $Type:ty $(, from $From:ty)?;)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $Name {
            $(#[doc = concat!("`", $name, "`")] $Form($Type),)*
            /// A form that the schemas do not know.
            Unlisted($crate::Value),
        }
        $(impl From<$Type> for $Name {
            #[inline]
            fn from(value: $Type) -> Self {
                Self::$Form(value)
            }
        }
        $(impl From<$From> for $Name {
            #[inline]
            fn from(value: $From) -> Self {
                Self::$Form(value.into())
            }
        })?)*
        wire! { $Name, "v" "av" Any,
            self => match self {
                $(Self::$Form(value) => $crate::Viewed::view(value),)*
                Self::Unlisted(value) => $crate::View::Any(value),
            },
            value => {
                $(if <$Type as $crate::Wire>::KIND.holds(&value) {
                    return $crate::Wire::from_value(value).map(Self::$Form);
                })*
                Ok(Self::Unlisted(value))
            }
        }
    };
}

/// Both ways of a generated type, and serde's on top of them.
macro_rules! wire {
    ($Name:ident, $signature:literal $list:literal $kind:ident,
     $self:ident => $view:expr, $value:ident => $taken:expr) => {
        impl $crate::Viewed for $Name {
            #[inline]
            fn view(&$self) -> $crate::View<'_> {
                $view
            }
        }
        impl $crate::Wire for $Name {
            const SIGNATURE: &'static str = $signature;
            const LIST: &'static str = $list;
            const KIND: $crate::Kind = $crate::Kind::$kind;

            #[inline]

            fn from_value($value: $crate::Value) -> Result<Self, $crate::Mismatch> {
                $taken
            }
        }
        impl serde::Serialize for $Name {
            #[inline]
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::Viewed::view(self).serialize(to)
            }
        }
        impl<'de> serde::Deserialize<'de> for $Name {
            #[inline]
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let value = <$crate::Value as serde::Deserialize>::deserialize(from)?;
                $crate::Wire::from_value(value).map_err(serde::de::Error::custom)
            }
        }
    };
}
