;; Where the flat form of parameters and results ends: sixteen parameters in
;; registers, seventeen through memory; one result in a register, two through
;; memory; and cases of a variant that share flat values of other types.

(component
  (core module $M
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local i32)
      (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get 4) (local.get 3)))
      (local.get 4))
    (func (export "sixteen") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i64)
      (i64.add (local.get 15) (i64.extend_i32_u (i32.add (local.get 0) (local.get 14)))))
    (func (export "seventeen") (param i32) (result i64)
      ;; Fifteen bytes, then aligned fields: u32 at 16, u64 at 24.
      (i64.add
        (i64.load offset=24 (local.get 0))
        (i64.extend_i32_u (i32.add (i32.load8_u (local.get 0)) (i32.load offset=16 (local.get 0))))))
    (func (export "two") (param i32 i64) (result i32)
      (i64.store (i32.const 8) (i64.add (local.get 1) (i64.const 1)))
      (i32.store8 (i32.const 16) (i32.add (local.get 0) (i32.const 1)))
      (i32.const 8))
    ;; The payload arrives as an i64 whatever the case is.
    (func (export "joined") (param i32 i64) (result i64)
      (if (result i64) (i32.eqz (local.get 0))
        (then (i64.extend_i32_u (i32.trunc_sat_f32_s (f32.reinterpret_i32 (i32.wrap_i64 (local.get 1))))))
        (else
          (if (result i64) (i32.eq (local.get 0) (i32.const 1))
            (then (i64.trunc_sat_f64_s (f64.reinterpret_i64 (local.get 1))))
            (else (local.get 1))))))
    (func (export "join-back") (param i32) (result i32)
      (i32.store8 (i32.const 8) (local.get 0))
      (i64.store (i32.const 16) (i64.const 0x4004_0000_4020_0000))
      (i32.const 8)))
  (core instance $m (instantiate $M))
  (alias core export $m "memory" (core memory $memory))
  (alias core export $m "realloc" (core func $realloc))
  (func (export "sixteen")
    (param "a" u8) (param "b" u8) (param "c" u8) (param "d" u8) (param "e" u8) (param "f" u8)
    (param "g" u8) (param "h" u8) (param "i" u8) (param "j" u8) (param "k" u8) (param "l" u8)
    (param "m" u8) (param "n" u8) (param "o" u32) (param "p" u64) (result u64)
    (canon lift (core func $m "sixteen")))
  (func (export "seventeen")
    (param "a" u8) (param "b" u8) (param "c" u8) (param "d" u8) (param "e" u8) (param "f" u8)
    (param "g" u8) (param "h" u8) (param "i" u8) (param "j" u8) (param "k" u8) (param "l" u8)
    (param "m" u8) (param "n" u8) (param "o" u8) (param "p" u32) (param "q" u64) (result u64)
    (canon lift (core func $m "seventeen") (memory (core memory $memory)) (realloc (core func $realloc))))
  (func (export "two") (param "a" u8) (param "b" u64) (result (tuple u64 u8))
    (canon lift (core func $m "two") (memory (core memory $memory))))
  (type $v' (variant (case "single" f32) (case "double" f64) (case "whole" u64)))
  (export $v "v" (type $v'))
  (func (export "joined") (param "v" $v) (result u64) (canon lift (core func $m "joined")))
  (func (export "join-back") (param "case" u8) (result $v)
    (canon lift (core func $m "join-back") (memory (core memory $memory))))
)

(assert_return
  (invoke "sixteen"
    (u8.const 200) (u8.const 2) (u8.const 3) (u8.const 4) (u8.const 5) (u8.const 6) (u8.const 7) (u8.const 8)
    (u8.const 9) (u8.const 10) (u8.const 11) (u8.const 12) (u8.const 13) (u8.const 14) (u32.const 15) (u64.const 1000))
  (u64.const 1215))
(assert_return
  (invoke "seventeen"
    (u8.const 200) (u8.const 2) (u8.const 3) (u8.const 4) (u8.const 5) (u8.const 6) (u8.const 7) (u8.const 8)
    (u8.const 9) (u8.const 10) (u8.const 11) (u8.const 12) (u8.const 13) (u8.const 14) (u8.const 15)
    (u32.const 16) (u64.const 1000))
  (u64.const 1216))
(assert_return (invoke "two" (u8.const 254) (u64.const 41)) (tuple.const (u64.const 42) (u8.const 255)))
(assert_return (invoke "joined" (variant.const "single" (f32.const 2.5))) (u64.const 2))
(assert_return (invoke "joined" (variant.const "double" (f64.const 7.9))) (u64.const 7))
(assert_return (invoke "joined" (variant.const "whole" (u64.const 0xffff_ffff_ffff_ffff))) (u64.const 0xffff_ffff_ffff_ffff))
(assert_return (invoke "join-back" (u8.const 0)) (variant.const "single" (f32.const 2.5)))
(assert_return (invoke "join-back" (u8.const 1)) (variant.const "double" (f64.const 0x1.40000402p1)))
(assert_return (invoke "join-back" (u8.const 2)) (variant.const "whole" (u64.const 0x4004_0000_4020_0000)))
