;; Arguments and results overlap in the frames of caller and callee: many of
;; them, of different types, below others that must survive.

(module
  (func $reverse (param i32 i64 f32 f64) (result f64 f32 i64 i32)
    local.get 3
    local.get 2
    local.get 1
    local.get 0)
  (func (export "there-and-back") (param i32 i64 f32 f64) (result i32 i64 f32 f64)
    (local f64 f32 i64 i32)
    (call $reverse (local.get 0) (local.get 1) (local.get 2) (local.get 3))
    local.set 7
    local.set 6
    local.set 5
    local.set 4
    local.get 7
    local.get 6
    local.get 5
    local.get 4)

  ;; What lies below the arguments survives a callee with a larger frame.
  (func $busy (param i32) (result i32)
    (local i64 i64 i64 i64 i64 i64 i64 i64)
    (local.set 1 (i64.const -1))
    (local.set 8 (i64.const -1))
    (i32.add (local.get 0) (i32.const 1)))
  (func (export "below") (param i32) (result i32)
    local.get 0
    (i32.const 20)
    (call $busy (i32.const 30))
    (call $busy (call $busy (i32.const 40)))
    i32.add
    i32.add
    i32.add)

  ;; Locals of a callee start as zero, whatever lay there.
  (func $zeros (result i64)
    (local i64 i32 f64 i64)
    (i64.add (local.get 0)
      (i64.add (local.get 3)
        (i64.add (i64.extend_i32_u (local.get 1)) (i64.reinterpret_f64 (local.get 2))))))
  (func (export "locals-are-zero") (result i64)
    (drop (call $busy (i32.const -1)))
    call $zeros)

  (func $split (param i64) (result i32 i32)
    (i32.wrap_i64 (local.get 0))
    (i32.wrap_i64 (i64.shr_u (local.get 0) (i64.const 32))))
  (func $join (param i32 i32) (result i64)
    (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32))))
  (func (export "results-are-arguments") (param i64) (result i64)
    (call $join (call $split (local.get 0))))

  ;; Blocks with parameters and several results, left by a branch with more on
  ;; the stack than it takes along.
  (func (export "branch-drops") (param i32) (result i32 i64)
    i32.const 1
    i64.const 2
    (block (param i32 i64) (result i32 i64)
      f32.const 3
      f64.const 4
      i32.const 5
      i64.const 6
      (br_if 0 (local.get 0))
      drop
      drop
      drop
      drop
      ))
  (func (export "loop-parameters") (param i32) (result i32)
    i32.const 0
    i32.const 1
    (loop (param i32 i32) (result i32)
      ;; Fibonacci: (a b) becomes (b a+b).
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (call $next)
      (br_if 0 (local.get 0))
      drop))
  (func $next (param i32 i32) (result i32 i32)
    local.get 1
    (i32.add (local.get 0) (local.get 1)))

  (func $sum (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.sub
      (i32.add (i32.add (local.get 0) (local.get 4)) (i32.add (local.get 9) (local.get 14)))
      (local.get 19)))
  (func (export "twenty") (result i32)
    (call $sum
      (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5)
      (i32.const 6) (i32.const 7) (i32.const 8) (i32.const 9) (i32.const 10)
      (i32.const 11) (i32.const 12) (i32.const 13) (i32.const 14) (i32.const 15)
      (i32.const 16) (i32.const 17) (i32.const 18) (i32.const 19) (i32.const 20)))
)

(assert_return
  (invoke "there-and-back" (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4))
  (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4))
(assert_return (invoke "below" (i32.const 10)) (i32.const 103))
(assert_return (invoke "locals-are-zero") (i64.const 0))
(assert_return (invoke "results-are-arguments" (i64.const 0x1234_5678_9abc_def0)) (i64.const 0x1234_5678_9abc_def0))
(assert_return (invoke "branch-drops" (i32.const 0)) (i32.const 1) (i64.const 2))
(assert_return (invoke "branch-drops" (i32.const 1)) (i32.const 5) (i64.const 6))
(assert_return (invoke "loop-parameters" (i32.const 1)) (i32.const 1))
(assert_return (invoke "loop-parameters" (i32.const 10)) (i32.const 55))
(assert_return (invoke "twenty") (i32.const 11))
