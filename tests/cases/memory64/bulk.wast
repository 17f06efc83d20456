;; Operations on ranges of memories with 64-bit addresses, alone and together
;; with memories of 32-bit addresses: a length between the two has 32 bits.

(module
  (memory $wide i64 1)
  (memory $narrow 1)
  (data $d "abcdefgh")
  (func (export "fill") (param i64 i32 i64) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i64 i32 i32) (memory.init $wide $d (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (data.drop $d))
  (func (export "copy") (param i64 i64 i64) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "to-narrow") (param i32 i64 i32)
    (memory.copy $narrow $wide (local.get 0) (local.get 1) (local.get 2)))
  (func (export "to-wide") (param i64 i32 i32)
    (memory.copy $wide $narrow (local.get 0) (local.get 1) (local.get 2)))
  (func (export "to-wide-dirty") (param i64 i64 i64)
    ;; The upper halves of what was an i64 mean nothing.
    (memory.copy $wide $narrow
      (local.get 0) (i32.wrap_i64 (local.get 1)) (i32.wrap_i64 (local.get 2))))
  (func (export "wide") (param i64) (result i64) (i64.load $wide (local.get 0)))
  (func (export "narrow") (param i32) (result i64) (i64.load $narrow (local.get 0)))
)

(assert_return (invoke "init" (i64.const 8) (i32.const 0) (i32.const 8)))
(assert_return (invoke "wide" (i64.const 8)) (i64.const 0x6867666564636261))
(assert_trap (invoke "init" (i64.const 65529) (i32.const 0) (i32.const 8)) "out of bounds memory access")
(assert_trap (invoke "init" (i64.const 0x100000000) (i32.const 0) (i32.const 1)) "out of bounds memory access")
(assert_trap (invoke "init" (i64.const 0) (i32.const 1) (i32.const 8)) "out of bounds memory access")
(assert_return (invoke "init" (i64.const 65536) (i32.const 8) (i32.const 0)))
(assert_trap (invoke "init" (i64.const 65537) (i32.const 0) (i32.const 0)) "out of bounds memory access")
(assert_return (invoke "drop"))
(assert_trap (invoke "init" (i64.const 0) (i32.const 0) (i32.const 1)) "out of bounds memory access")

(assert_return (invoke "copy" (i64.const 12) (i64.const 8) (i64.const 8)))
(assert_return (invoke "wide" (i64.const 12)) (i64.const 0x6867666564636261))
(assert_trap (invoke "copy" (i64.const 0) (i64.const 1) (i64.const 0x10000)) "out of bounds memory access")
(assert_trap (invoke "copy" (i64.const 1) (i64.const 0) (i64.const -1)) "out of bounds memory access")
(assert_trap (invoke "copy" (i64.const 0) (i64.const 0) (i64.const 0x100000001)) "out of bounds memory access")
(assert_trap (invoke "copy" (i64.const 0x100000000) (i64.const 0) (i64.const 1)) "out of bounds memory access")
(assert_return (invoke "copy" (i64.const 0x10000) (i64.const 0x10000) (i64.const 0)))

(assert_return (invoke "fill" (i64.const 0xfff8) (i32.const 0x1ff) (i64.const 8)))
(assert_return (invoke "wide" (i64.const 0xfff8)) (i64.const -1))
(assert_trap (invoke "fill" (i64.const 0xfff9) (i32.const 0) (i64.const 8)) "out of bounds memory access")
(assert_trap (invoke "fill" (i64.const 1) (i32.const 0) (i64.const -1)) "out of bounds memory access")
(assert_trap (invoke "fill" (i64.const 0) (i32.const 0) (i64.const 0x100000000)) "out of bounds memory access")
;; What trapped wrote nothing.
(assert_return (invoke "wide" (i64.const 0xfff8)) (i64.const -1))

(assert_return (invoke "to-narrow" (i32.const 0) (i64.const 12) (i32.const 8)))
(assert_return (invoke "narrow" (i32.const 0)) (i64.const 0x6867666564636261))
(assert_trap (invoke "to-narrow" (i32.const 0) (i64.const 0x10000000c) (i32.const 8)) "out of bounds memory access")
(assert_trap (invoke "to-narrow" (i32.const -1) (i64.const 12) (i32.const 8)) "out of bounds memory access")
(assert_return (invoke "to-wide" (i64.const 256) (i32.const 0) (i32.const 8)))
(assert_return (invoke "wide" (i64.const 256)) (i64.const 0x6867666564636261))
(assert_trap (invoke "to-wide" (i64.const 0x100000000) (i32.const 0) (i32.const 1)) "out of bounds memory access")
(assert_return (invoke "to-wide-dirty" (i64.const 512) (i64.const 0x500000000) (i64.const 0x700000008)))
(assert_return (invoke "wide" (i64.const 512)) (i64.const 0x6867666564636261))
(assert_trap (invoke "to-wide-dirty" (i64.const 0x100000200) (i64.const 0) (i64.const 8)) "out of bounds memory access")

(assert_invalid
  (module (memory $wide i64 1) (memory $narrow 1)
    (func (memory.copy $wide $narrow (i64.const 0) (i32.const 0) (i64.const 0))))
  "type mismatch")
(assert_invalid
  (module (memory i64 1) (func (memory.fill (i64.const 0) (i32.const 0) (i32.const 0))))
  "type mismatch")

;; Active segments at 64-bit offsets.
(module $G (global (export "at") i64 (i64.const 16)))
(register "G" $G)
(module
  (global $at (import "G" "at") i64)
  (memory i64 1)
  (data (i64.const 0xfffe) "xy")
  (data (i64.add (global.get $at) (i64.const 1)) "z")
  (func (export "get") (param i64) (result i32) (i32.load8_u (local.get 0))))
(assert_return (invoke "get" (i64.const 0xffff)) (i32.const 0x79))
(assert_return (invoke "get" (i64.const 17)) (i32.const 0x7a))
(assert_trap (module (memory i64 1) (data (i64.const 0x100000000) "x")) "out of bounds memory access")
(assert_trap (module (memory i64 1) (data (i64.const -1) "xy")) "out of bounds memory access")
(assert_invalid (module (memory i64 1) (data (i32.const 0) "x")) "type mismatch")
(assert_invalid (module (memory 1) (data (i64.const 0) "x")) "type mismatch")
