//! The twenty kernels, four of them with vectors: which module, how much work, and what must come out. The
//! checksums are those of the same sources compiled for x86-64, so an engine is
//! measured against the language and not against another engine.

use bench_protocol::Case;

use crate::engine::root;
use crate::row::{Bars, Job};

/// One kernel of `kernels/`.
#[derive(Debug, Clone, Copy)]
struct Kernel {
    /// The file name without `.c` or `.wasm`.
    name: &'static str,
    /// The argument of `run`: some 0.3 s on wasmi.
    n: u32,
    /// What `run(n)` answers.
    checksum: u64,
}

const fn kernel(name: &'static str, n: u32, checksum: u64) -> Kernel {
    Kernel { name, n, checksum }
}

/// All kernels, in the order of the report.
const KERNELS: [Kernel; 20] = [
    kernel("fib", 36, 0xffff_ff78_a6de_888a),
    kernel("sort", 100, 0x68fc_f83c_887c_90f4),
    kernel("sieve", 120, 0x0eed_f876_3d37_2499),
    kernel("matmul", 70, 0x5f3c_d091_8ad3_2f28),
    kernel("nbody", 600_000, 0x05f5_6fac_26cf_b77c),
    kernel("mandelbrot", 1200, 0xc7d9_da94_28b5_abd9),
    kernel("sha256", 100, 0x2669_626d_4c48_adce),
    kernel("lz", 130, 0x68e3_d944_6ed7_58ae),
    kernel("hashmap", 200, 0x7263_c260_610d_05d5),
    kernel("json", 250, 0x08f1_c64b_1592_7b83),
    kernel("regex", 40, 0xf734_08a4_8dd9_95eb),
    kernel("switch", 15_000, 0x8282_4caa_0114_6c0d),
    kernel("indirect", 900_000, 0x8827_71d8_1fb2_cba9),
    kernel("math64", 200_000, 0xadd1_0162_4843_6b58),
    kernel("bytes", 250, 0xc219_3c5b_47ff_0adb),
    kernel("copy", 1_500_000, 0x825e_fd66_55f2_57af),
    kernel("simd-dot", 2700, 0x0f0f_b439_6808_d960),
    kernel("simd-blur", 550, 0x309c_d03a_4d7e_8166),
    kernel("simd-chacha", 160, 0xda0a_be34_85d7_c088),
    kernel("simd-mandelbrot", 1500, 0xdf7f_c3ef_2b45_5953),
];

/// The jobs of `bench kernels`.
pub(crate) fn jobs() -> Vec<Job> {
    KERNELS
        .into_iter()
        .map(|kernel| Job {
            name: kernel.name,
            case: Case::Kernel,
            guest: root()
                .join("kernels")
                .join(kernel.name)
                .with_extension("wasm"),
            n: kernel.n,
            operations: 1,
            checksum: Some(kernel.checksum),
            bars: Bars::NONE,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_kernel_has_its_source_and_its_module() {
        let jobs = super::jobs();
        assert_eq!(jobs.len(), 20);
        for job in jobs {
            assert!(job.guest.is_file(), "{} is missing", job.guest.display());
            assert!(
                job.guest.with_extension("c").is_file(),
                "{} has no source",
                job.name
            );
        }
    }
}
