//! Commands, events, and a service that answers them.

/// A command: its arguments are a struct of its name.
macro_rules! command {
    ($Name:ident $name:literal -> $Result:ty;
     [$($member:literal $signature:literal),*] $optional:literal $returns:expr,
     $($flag:ident)*) => {
        impl $crate::Command for $Name {
            type Result = $Result;
            const METHOD: $crate::Method = $crate::Method {
                command: $name,
                name: stringify!($Name),
                positional: &[$(($member, $signature)),*],
                optional: $optional,
                returns: $returns,
                $($flag: true,)*
                ..$crate::Method::PLAIN
            };
        }
    };
}

/// An event: its data are a struct of its name.
macro_rules! event {
    ($Name:ident $name:literal $signal:literal [$($member:literal $signature:literal),*]) => {
        impl $crate::EventData for $Name {
            const SIGNAL: $crate::Signal = $crate::Signal {
                event: $name,
                name: $signal,
                positional: &[$(($member, $signature)),*],
            };
        }
    };
}

/// All events of a schema.
macro_rules! events {
    ($(#[$meta:meta])* $Name:ident { $($Event:ident)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        #[allow(clippy::large_enum_variant, reason = "events come one by one")]
        pub enum $Name {
            $(#[doc = concat!("`", stringify!($Event), "`")] $Event(event::$Event),)*
            /// An event that the schemas do not know.
            Unlisted(std::string::String, $crate::Members),
        }
        impl $crate::Events for $Name {
            const SIGNALS: &'static [$crate::Signal] =
                &[$(<event::$Event as $crate::EventData>::SIGNAL),*];

            #[inline]

            fn read(name: &str, data: $crate::Members) -> Result<Self, $crate::Mismatch> {
                $(if name == <event::$Event as $crate::EventData>::SIGNAL.event {
                    return $crate::Object::from_members(data).map(Self::$Event);
                })*
                Ok(Self::Unlisted(name.into(), data))
            }

            #[inline]

            fn name(&self) -> &str {
                match self {
                    $(Self::$Event(_) => <event::$Event as $crate::EventData>::SIGNAL.event,)*
                    Self::Unlisted(name, _) => name,
                }
            }
        }
        $(impl TryFrom<$Name> for event::$Event {
            type Error = $Name;

            /// Gives the event back if it is another.
            #[inline]
            fn try_from(event: $Name) -> Result<Self, $Name> {
                match event {
                    $Name::$Event(data) => Ok(data),
                    other => Err(other),
                }
            }
        })*
    };
}

/// A service: what answers the commands of a schema.
#[cfg(feature = "service")]
macro_rules! service {
    ($(#[$meta:meta])* $Name:ident {
        $($(#[$doc:meta])* $function:ident $command:literal $Command:ident $($fd:ident)?;)*
    }) => {
        $(#[$meta])*
        pub trait $Name: Sync {
            $($(#[$doc])*
            fn $function(
                &self,
                arguments: command::$Command
                $(, $fd: Option<std::os::fd::OwnedFd>)?
            ) -> impl Future<Output = $crate::Answer<command::$Command>> + Send {
                // Only the names are of interest here.
                let _ = (arguments, $($fd)?);
                std::future::ready(Err($crate::Refusal::not_found($command)))
            })*
        }

        /// Answers a request from the wire.
        ///
        /// # Errors
        ///
        /// What the service refuses, the arguments that do not fit the command, and members that the
        /// schemas do not know: whoever sends one means something by it.
        ///
        /// # Cancel safety
        ///
        /// That of the service's method.
        pub async fn dispatch(
            service: &impl $Name,
            mut request: $crate::Request,
        ) -> Result<$crate::Value, $crate::Refusal> {
            match request.command.as_str() {
                $($command => {
                    let arguments = request.arguments()?;
                    let result = service.$function(arguments $(, request.$fd)?).await?;
                    Ok($crate::to_value(&result))
                })*
                command => Err($crate::Refusal::not_found(command)),
            }
        }
    };
}
