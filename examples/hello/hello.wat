;; A guest of the world `hello`, written by hand so that it needs no toolchain.
;;
;; `hello.wasm` beside this file is its binary form, made by
;;   wasm-tools parse hello.wat -o hello.wasm
;; and a test of the examples compares the two.
(component
  (import "name" (func $name (result string)))

  ;; Memory, and an allocator that never frees during a call: `reset` runs after it.
  (core module $Memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 16))
    (func (export "reset") (param $result i32)
      (global.set $next (i32.const 16)))
    (func (export "realloc")
      (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      ;; Rounds up to the alignment.
      (local.set $at
        (i32.and
          (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get $align))))
      (global.set $next (i32.add (local.get $at) (local.get $size)))
      ;; Grows the memory when the next allocation would start beyond it.
      (if (i32.gt_u (global.get $next) (i32.shl (memory.size) (i32.const 16)))
        (then
          (if (i32.eq
                (memory.grow
                  (i32.add
                    (i32.shr_u
                      (i32.sub (global.get $next) (i32.shl (memory.size) (i32.const 16)))
                      (i32.const 16))
                    (i32.const 1)))
                (i32.const -1))
            (then unreachable))))
      (memory.copy (local.get $at) (local.get $old) (local.get $old-size))
      (local.get $at)))

  (core instance $memory (instantiate $Memory))
  (core func $name
    (canon lower (func $name) (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))

  (core module $Greeter
    (import "memory" "memory" (memory 1))
    (import "memory" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "host" "name" (func $name (param i32)))
    (data (i32.const 8) ", ")
    ;; Answers where pointer and length of "salutation, name!" stand.
    (func (export "greet") (param $text i32) (param $size i32) (result i32)
      (local $result i32) (local $whole i32)
      ;; The host writes pointer and length of its name here; then they are replaced.
      (local.set $result
        (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 8)))
      (call $name (local.get $result))
      (local.set $whole
        (call $realloc (i32.const 0) (i32.const 0) (i32.const 1)
          (i32.add
            (i32.add (local.get $size) (i32.load offset=4 (local.get $result)))
            (i32.const 3))))
      (memory.copy (local.get $whole) (local.get $text) (local.get $size))
      (memory.copy
        (i32.add (local.get $whole) (local.get $size))
        (i32.const 8)
        (i32.const 2))
      (local.set $size (i32.add (local.get $size) (i32.const 2)))
      (memory.copy
        (i32.add (local.get $whole) (local.get $size))
        (i32.load (local.get $result))
        (i32.load offset=4 (local.get $result)))
      (local.set $size (i32.add (local.get $size) (i32.load offset=4 (local.get $result))))
      (i32.store8 (i32.add (local.get $whole) (local.get $size)) (i32.const 33))
      (i32.store (local.get $result) (local.get $whole))
      (i32.store offset=4 (local.get $result) (i32.add (local.get $size) (i32.const 1)))
      (local.get $result)))

  (core instance $greeter (instantiate $Greeter
    (with "memory" (instance $memory))
    (with "host" (instance (export "name" (func $name))))))
  (func (export "greet") (param "salutation" string) (result string)
    (canon lift (core func $greeter "greet")
      (memory (core memory $memory "memory"))
      (realloc (core func $memory "realloc"))
      (post-return (core func $memory "reset")))))
