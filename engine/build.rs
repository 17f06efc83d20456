//! Decides whether handlers of the interpreter may jump to each other: the
//! compiler turns a call in last position into a jump only when it optimises,
//! and only on architectures whose calling convention passes a handler's
//! seven arguments in registers. Names that convention, too, so that the
//! crate itself need not ask for the architecture.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(tail_dispatch, sysv_handlers)");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    // The System V convention passes six integers in registers, on Windows too.
    if variable("CARGO_CFG_TARGET_ARCH") == "x86_64" {
        println!("cargo::rustc-cfg=sysv_handlers");
    }
    let optimised = variable("OPT_LEVEL") != "0";
    let architecture = matches!(
        variable("CARGO_CFG_TARGET_ARCH").as_str(),
        "x86_64" | "aarch64" | "riscv64" | "loongarch64"
    );
    // Sanitizers and Miri keep a frame for every call.
    let plain =
        env::var_os("CARGO_CFG_MIRI").is_none() && env::var_os("CARGO_CFG_SANITIZE").is_none();
    if optimised && architecture && plain {
        println!("cargo::rustc-cfg=tail_dispatch");
    }
}
