;; Branch tables: the last entry for every index past the end, also for those
;; that are negative when read with a sign; values carried along; loops as
;; targets; one target many times.

(module
  (func (export "pick") (param i32) (result i32)
    (block (result i32)
      (block (result i32)
        (block (result i32)
          (br_table 0 1 2 1 0 2 (i32.const 10) (local.get 0)))
        (return (i32.add (i32.const 100))))
      (return (i32.add (i32.const 200))))
    (i32.add (i32.const 300)))
  (func (export "alone") (param i32) (result i32)
    (block (br_table 0 (local.get 0)))
    (i32.const 7))
  (func (export "loop") (param i32) (result i32)
    (local i32)
    (block $out
      (loop $again
        (local.set 1 (i32.add (local.get 1) (local.get 0)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br_table $out $again (local.get 0))))
    (local.get 1))
  ;; The value lies above others that the branch must drop.
  (func (export "drops") (param i32) (result i64)
    (block (result i64)
      (i32.const 1)
      (block (result i64)
        (f32.const 2)
        (f64.const 3)
        (br_table 0 1 (i64.const 40) (local.get 0)))
      (i64.const 2)
      i64.add
      br 1))
)
(assert_return (invoke "pick" (i32.const 0)) (i32.const 110))
(assert_return (invoke "pick" (i32.const 1)) (i32.const 210))
(assert_return (invoke "pick" (i32.const 2)) (i32.const 310))
(assert_return (invoke "pick" (i32.const 3)) (i32.const 210))
(assert_return (invoke "pick" (i32.const 4)) (i32.const 110))
(assert_return (invoke "pick" (i32.const 5)) (i32.const 310))
(assert_return (invoke "pick" (i32.const -1)) (i32.const 310))
(assert_return (invoke "pick" (i32.const 0x80000000)) (i32.const 310))
(assert_return (invoke "alone" (i32.const 0)) (i32.const 7))
(assert_return (invoke "alone" (i32.const -1)) (i32.const 7))
(assert_return (invoke "loop" (i32.const 4)) (i32.const 10))
(assert_return (invoke "drops" (i32.const 0)) (i64.const 42))
(assert_return (invoke "drops" (i32.const 1)) (i64.const 40))
