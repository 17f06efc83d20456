//! Decides whether handlers of the interpreter may jump to each other: the
//! compiler turns a call in last position into a jump only when it optimises,
//! and only on architectures whose calling convention passes a handler's
//! seven arguments in registers.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(tail_dispatch)");
    let variable = |name: &str| env::var(name).unwrap_or_default();
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
