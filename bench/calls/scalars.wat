;; The component of the scalar cases: a typed call in, and a loop of calls out.
(component
  (import "inc" (func $inc (param "x" u32) (result u32)))
  (core func $lowered (canon lower (func $inc)))
  (core module $module
    (import "host" "inc" (func $inc (param i32) (result i32)))
    (func (export "noop"))
    (func (export "add") (param i32 i32) (result i32)
      (i32.add (local.get 0) (local.get 1)))
    (func (export "run") (param $n i32) (result i64)
      (local $i i32) (local $sum i64)
      (if (local.get $n) (then
        (loop $again
          (local.set $sum
            (i64.add (local.get $sum) (i64.extend_i32_u (call $inc (local.get $i)))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $i) (local.get $n))))))
      (local.get $sum)))
  (core instance $instance (instantiate $module
    (with "host" (instance (export "inc" (func $lowered))))))
  (func (export "noop") (canon lift (core func $instance "noop")))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $instance "add")))
  (func (export "run") (param "n" u32) (result u64)
    (canon lift (core func $instance "run"))))
