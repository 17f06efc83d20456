;; The core module of the call cases: what a call costs below the component model.
(module
  (import "host" "inc" (func $inc (param i32) (result i32)))
  (func (export "noop"))
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  ;; Calls the host n times and adds up what it answers.
  (func (export "run") (param $n i32) (result i64)
    (local $i i32) (local $sum i64)
    (if (local.get $n) (then
      (loop $again
        (local.set $sum
          (i64.add (local.get $sum) (i64.extend_i32_u (call $inc (local.get $i)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (local.get $n))))))
    (local.get $sum)))
