//! What the generated calls are written in: a line an argument.

macro_rules! given {
    (plain $ty:ty) => { $ty };
    (into $ty:ty) => { impl Into<$ty> };
    (list $ty:ty) => { impl IntoIterator<Item = $ty> };
    (each $ty:ty) => { impl IntoIterator<Item = impl Into<$ty>> };
}

/// The calls of one schema.
macro_rules! calls {
    ($(#[$meta:meta])* $Peer:ident of $schema:ident {
        $($(#[$doc:meta])* $function:ident $Command:ident $([$fd:ident])? (
            $($must:ident: $must_kind:ident $Must:ty),*
        ) {
            $($(#[$may_doc:meta])* $may:ident: $may_kind:ident $May:ty;)*
        })*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $Peer<T>(T);

        impl<T: $crate::Transport> $Peer<T> {
            /// The peer at the end of this way.
            pub fn new(transport: T) -> Self {
                Self(transport)
            }

            /// The way to the peer.
            pub fn transport(&self) -> &T {
                &self.0
            }

            /// Sends a command that was put together before.
            pub fn call<C: $crate::types::Command>(&self, command: C) -> $crate::Call<'_, T, C> {
                $crate::Call::new(&self.0, command)
            }

            /// What the peer tells without being asked, from now on.
            ///
            /// # Errors
            ///
            /// The way is closed.
            pub async fn events(&self) -> Result<$crate::Events<$schema::Event>, $crate::Error> {
                self.0.events().await.map($crate::Events::new)
            }

            $($(#[$doc])*
            #[inline]
            #[allow(clippy::too_many_arguments, reason = "the schema decides")]
            pub fn $function(
                &self,
                $($fd: impl Into<std::os::fd::OwnedFd>,)?
                $($must: given!($must_kind $Must)),*
            ) -> $crate::Call<'_, T, $schema::command::$Command> {
                self.call($schema::command::$Command::new($($must),*))$(.with_fd($fd))?
            })*
        }

        $(impl<T: $crate::Transport> $crate::Call<'_, T, $schema::command::$Command> {
            $(#[doc = concat!("With `", stringify!($may), "`.")] $(#[$may_doc])*
            #[inline]
            pub fn $may(mut self, $may: given!($may_kind $May)) -> Self {
                self.command = self.command.$may($may);
                self
            })*
        })*
    };
}
