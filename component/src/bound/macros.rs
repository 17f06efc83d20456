//! The parts of bindings that are the same for all worlds and interfaces, or
//! say in tables what stands beside them in signatures.
//!
//! Everything that a macro defines is named in its input, so that a reader of
//! generated text finds it there. Names of types and traits are those of the
//! place where the macro is called.

/// Links what a world imports, finds what it exports, and ties its type to the
/// runtime.
///
/// It stands beside `pub struct Hello<H: 'static, S = Store<H>>(bound::Bound<H, S>)`:
///
/// ```text
/// bindings! { Hello<H>, HelloExports, HelloPre of "acme:app/hello" {
///     root HelloImports |at| { at.host_func::<(), ()>("tick", |host, ()| …)?; }
///     import [acme::app::log];
///     fn "greet": (&str,) => String;
///     export [exports::acme::app::shop] as shop;
/// } }
/// ```
///
/// `root` links what stands in the world itself, and `import` names modules
/// with a trait `Host` and a function `link`. `fn` tells of an exported
/// function of the world; `export` names modules with a table `EXPORTS`, and
/// the method of `Hello` that leads to its functions.
///
/// It defines `HelloExports` and `HelloPre`, and implements
/// [`Bindings`](crate::Bindings), [`World`](crate::bound::World),
/// [`Holds`](crate::Holds) and the engine's `AsContext`, `AsContextMut`.
#[macro_export]
macro_rules! bindings {
    ($world:ident<$h:ident>, $exports:ident, $pre:ident of $name:literal $(where [$($bounds:tt)*])? {
        $(root $root:ident |$at:ident| { $($glue:tt)* })?
        $(import [$($import:tt)+];)*
        $(fn $($flag:ident)? $func:literal: $params:ty => $result:ty;)*
        $($(#[$docs:meta])* export [$($export:tt)+] $(as $accessor:ident $(if $first:literal..$end:literal)?)?;)*
    }) => {
        #[doc = concat!("A component and all that a [`", stringify!($world), "`] needs, checked once.")]
        #[allow(dead_code, unreachable_pub)]
        pub type $pre<$h> = $crate::bound::Pre<$world<$h>>;

        #[doc = concat!("The exports of a [`", stringify!($world), "`] without its store: a copyable index into it.")]
        #[allow(dead_code, unreachable_pub)]
        #[derive(Clone, Copy, Debug)]
        pub struct $exports($crate::bound::Exports);

        #[allow(dead_code, unreachable_pub)]
        impl $exports {
            /// The guest, with the store that it lives in.
            pub fn on<$h: 'static, __S: $crate::bound::Access<$h>>(self, store: __S) -> $world<$h, __S> {
                $world(self.0.on(store))
            }
        }

        impl<$h: 'static> $crate::Bindings for $world<$h>
        where
            $($h: $root,)?
            $($h: $($import)+::Host,)*
            $($($bounds)*)?
        {
            const WORLD: &'static str = $name;
            const EXPORTS: &'static [$crate::bound::Interface] = &[
                $crate::bound::interface("", &[], &[
                    $($crate::bound::func::<$params, $result>($func)$(.$flag())?),*
                ]),
                $($($export)+::EXPORTS),*
            ];

            fn link(linker: &mut $crate::Linker<$h>) -> $crate::Result<()> {
                $(
                    let mut $at = linker.root();
                    $($glue)*
                )?
                $($($import)+::link(linker)?;)*
                let _ = linker;
                ::core::result::Result::Ok(())
            }
        }

        #[allow(dead_code, missing_docs, unreachable_pub)]
        impl<$h, __S: $crate::bound::Access<$h>> $world<$h, __S> {
            $($crate::__accessor! {
                [$(#[$docs])*] [$($export)+::Guest] $($accessor $(if $first..$end)?)?
            })*
        }

        impl<$h: 'static> $crate::bound::World for $world<$h> {
            type Host = $h;
            type Exports = $exports;

            fn from_bound(bound: $crate::bound::Bound<$h>) -> Self {
                Self(bound)
            }

            fn into_bound(self) -> $crate::bound::Bound<$h> {
                self.0
            }

            fn bound(&mut self) -> &mut $crate::bound::Bound<$h> {
                &mut self.0
            }

            fn exports(exports: $crate::bound::Exports) -> $exports {
                $exports(exports)
            }
        }

        impl<$h: 'static, __S: $crate::bound::Access<$h>> $crate::Holds<$exports> for $world<$h, __S> {
            type Data = $h;
            type Access = __S;

            fn guest(&mut self) -> &mut $crate::bound::Bound<$h, __S> {
                &mut self.0
            }
        }

        impl<$h: 'static, __S: $crate::bound::Access<$h>> $crate::core::AsContext for $world<$h, __S> {
            type Data = $h;
            type Extra = $crate::ComponentState;

            fn as_context(&self) -> $crate::StoreContext<'_, $h> {
                $crate::core::AsContext::as_context(&self.0)
            }
        }

        impl<$h: 'static, __S: $crate::bound::Access<$h>> $crate::core::AsContextMut for $world<$h, __S> {
            fn as_context_mut(&mut self) -> $crate::StoreContextMut<'_, $h> {
                $crate::core::AsContextMut::as_context_mut(&mut self.0)
            }
        }
    };
}

/// Links an interface that a world imports.
///
/// ```text
/// imports! { pub fn link<H: Host>(at: "acme:app/log") {
///     at.host_func::<(&str,), ()>("log", |host, (line,)| Host::log(host, line))?;
/// } }
/// ```
///
/// defines a function that puts what the block says into the instance of that
/// name in a [`Linker`](crate::Linker).
#[macro_export]
macro_rules! imports {
    (pub fn $link:ident<$h:ident: $host:ident>($at:ident: $name:literal) $(where [$($bounds:tt)*])? {
        $($glue:tt)*
    }) => {
        /// Puts this interface into a linker.
        pub fn $link<$h: $host + 'static>(linker: &mut $crate::Linker<$h>) -> $crate::Result<()>
        $(where $($bounds)*)?
        {
            if let ::core::option::Option::Some(mut $at) =
                linker.instance_once($name, ::core::module_path!())?
            {
                $($glue)*
            }
            ::core::result::Result::Ok(())
        }
    };
}

/// Says what an exported interface must hold.
///
/// ```text
/// exports! { "acme:app/shop", Guest of World = super::super::super::super::HelloExports {
///     resource Cart = "cart";
///     fn "[constructor]cart": () => Cart;
///     fn "[method]cart.total": (Lend<'_, Cart>,) => u64;
/// } }
/// ```
///
/// defines `EXPORTS`, the table that is compared with a component before a
/// guest is made of it, the type `Guest` for the interface's functions, and the
/// name `World` for the exports of the world. A component may lack what is
/// called `optional`.
#[macro_export]
macro_rules! exports {
    ($($optional:ident)? $name:literal $(, $guest:ident of $world:ident = $($exports:ident)::+)? {
        $(resource $resource:ident = $label:literal;)*
        $(fn $($flag:ident)? $func:literal: $params:ty => $result:ty;)*
    }) => {
        $(
            use $($exports)::+ as $world;

            #[doc = concat!("The functions of `", $name, "`, on a guest that `A` reaches.")]
            #[derive(Debug)]
            pub struct $guest<'a, A>(pub &'a mut A);
        )?

        /// What is checked of this interface before a guest is made.
        pub const EXPORTS: $crate::bound::Interface = $crate::bound::interface(
            $name,
            &[$($crate::bound::resource::<$resource>($label)),*],
            &[$($crate::bound::func::<$params, $result>($func)$(.$flag())?),*],
        )$(.$optional())?;
    };
}

/// The method of a world's type that leads to an exported interface, which a
/// guest may lack if the positions of its functions are given.
#[doc(hidden)]
#[macro_export]
macro_rules! __accessor {
    ([$($docs:tt)*] [$($guest:tt)+]) => {};
    ([$($docs:tt)*] [$($guest:tt)+] $name:ident) => {
        $($docs)*
        pub fn $name(&mut self) -> $($guest)+<'_, Self> {
            $($guest)+(self)
        }
    };
    ([$($docs:tt)*] [$($guest:tt)+] $name:ident if $first:literal..$end:literal) => {
        $($docs)*
        pub fn $name(&mut self) -> ::core::option::Option<$($guest)+<'_, Self>> {
            self.0.has($first..$end).then(|| $($guest)+(self))
        }
    };
}
