;; A counting loop's latch writes its counter through the accumulator: what the
;; accumulator held before is only in its slot from then on.

(module
  (func (export "sum-then-count") (param i32) (result i64)
    (local i64)
    i64.const 5
    local.set 1
    loop
      local.get 1
      i64.const 3
      i64.add
      local.set 1
      local.get 0
      i32.const -1
      i32.add
      local.tee 0
      br_if 0
    end
    local.get 1)
  (func (export "count-then-use") (param i32) (result i32)
    (local i32)
    loop
      (local.set 1 (i32.add (local.get 1) (i32.const 10)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
    end
    (i32.add (local.get 1) (local.get 0)))
  (func (export "float-then-count") (param i32) (result f64)
    (local f64)
    loop
      (local.set 1 (f64.add (local.get 1) (f64.const 0.5)))
      (br_if 0 (i32.lt_s (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 10)))
    end
    local.get 1))
(assert_return (invoke "sum-then-count" (i32.const 4)) (i64.const 17))
(assert_return (invoke "count-then-use" (i32.const 3)) (i32.const 30))
(assert_return (invoke "float-then-count" (i32.const 4)) (f64.const 3))
