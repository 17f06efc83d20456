;; A plug-in, by hand: it answers a request with the text in upper case. The request `sleep` waits
;; for an hour in WASI, `spin` computes for ever, `trap` breaks.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $p'))
    (export "pollable" (type $p (eq $p')))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $Main
    (import "" "block" (func $block (param i32)))
    (import "" "subscribe" (func $subscribe (param i64) (result i32)))
    (memory (export "memory") 1)
    ;; Requests are laid out one after the other; each instance answers few.
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $next))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (if (i32.gt_u (global.get $next) (i32.const 65536)) (then (unreachable)))
      (local.get $at))
    (func $upper (param $at i32) (param $len i32)
      (local $end i32) (local $c i32)
      (local.set $end (i32.add (local.get $at) (local.get $len)))
      (block $done
        (loop $each
          (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
          (local.set $c (i32.load8_u (local.get $at)))
          (if (i32.lt_u (i32.sub (local.get $c) (i32.const 97)) (i32.const 26))
            (then (i32.store8 (local.get $at) (i32.sub (local.get $c) (i32.const 32)))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $each))))
    (func $word (param $at i32) (param $len i32) (result i32)
      (if (result i32) (i32.eq (local.get $len) (i32.const 4))
        (then (i32.load (local.get $at)))
        (else (i32.const 0))))
    (func (export "answer") (param $at i32) (param $len i32) (result i32)
      ;; "spin" and "trap", read as numbers.
      (if (i32.eq (call $word (local.get $at) (local.get $len)) (i32.const 0x6e697073))
        (then (loop $for-ever (br $for-ever))))
      (if (i32.eq (call $word (local.get $at) (local.get $len)) (i32.const 0x70617274))
        (then (unreachable)))
      ;; "slee", of five letters.
      (if (i32.and
            (i32.eq (local.get $len) (i32.const 5))
            (i32.eq (call $word (local.get $at) (i32.const 4)) (i32.const 0x65656c73)))
        (then (call $block (call $subscribe (i64.const 3_600_000_000_000)))))
      (call $upper (local.get $at) (local.get $len))
      (i32.store (i32.const 16) (local.get $at))
      (i32.store (i32.const 20) (local.get $len))
      (i32.const 16)))
  (core instance $main (instantiate $Main (with "" (instance
    (export "block" (func $block)) (export "subscribe" (func $subscribe))))))
  (func (export "answer") (param "request" string) (result string)
    (canon lift (core func $main "answer")
      (memory (core memory $main "memory")) (realloc (core func $main "realloc")))))
