;; A tail call takes no stack, whoever is called, and hands over arguments that
;; overlap the ones it was given.

(module
  (func (export "even") (param i64) (result i32)
    (if (result i32) (i64.eqz (local.get 0))
      (then (i32.const 1))
      (else (return_call $odd (i64.sub (local.get 0) (i64.const 1))))))
  (func $odd (export "odd") (param i64) (result i32)
    (if (result i32) (i64.eqz (local.get 0))
      (then (i32.const 0))
      (else (return_call 0 (i64.sub (local.get 0) (i64.const 1))))))

  ;; More parameters, then fewer, and each argument read after it was written.
  (func $one (param i64) (result i64)
    (return_call $three (local.get 0) (i64.const 1) (i64.const 2)))
  (func $three (param i64 i64 i64) (result i64)
    (if (i64.le_s (local.get 0) (i64.const 0))
      (then (return (i64.add (local.get 1) (local.get 2)))))
    (return_call $two (local.get 2) (i64.sub (local.get 0) (local.get 1))))
  (func $two (param i64 i64) (result i64)
    (return_call $three (local.get 1) (i64.const 1) (local.get 0)))
  (func (export "sizes") (param i64) (result i64) (call $one (local.get 0)))

  (type $step (func (param i32 i32) (result i32)))
  (table funcref (elem $add $swap))
  (func $add (type $step)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call_indirect (type $step)
      (i32.sub (local.get 0) (i32.const 1))
      (i32.add (local.get 1) (i32.const 1))
      (i32.const 1)))
  (func $swap (type $step)
    (return_call_indirect (type $step) (local.get 0) (local.get 1) (i32.const 0)))
  (func (export "indirect") (param i32) (result i32)
    (call $add (local.get 0) (i32.const 0)))
  (func (export "past-the-end") (result i32)
    (return_call_indirect (type $step) (i32.const 0) (i32.const 0) (i32.const 2)))
)

(assert_return (invoke "even" (i64.const 1000000)) (i32.const 1))
(assert_return (invoke "odd" (i64.const 1000000)) (i32.const 0))
(assert_return (invoke "sizes" (i64.const 100000)) (i64.const 3))
(assert_return (invoke "indirect" (i32.const 200000)) (i32.const 200000))
(assert_trap (invoke "past-the-end") "undefined element")

;; Across instances, in a circle: neither side's stack grows.
(module $left
  (type $step (func (param i32) (result i32)))
  (table (export "table") 1 funcref)
  (func (export "step") (type $step)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 42))))
    (return_call_indirect (type $step) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))))
(register "left" $left)
(module $right
  (type $step (func (param i32) (result i32)))
  (import "left" "table" (table 1 funcref))
  (import "left" "step" (func $left (type $step)))
  (elem (i32.const 0) $step)
  (func $step (type $step) (return_call $left (local.get 0)))
  (func (export "start") (type $step) (return_call $left (local.get 0))))
(assert_return (invoke $right "start" (i32.const 100000)) (i32.const 42))

;; To a function of the host.
(module
  (import "spectest" "print_i32" (func $print (param i32)))
  (func (export "host") (param i32) (return_call $print (local.get 0))))
(assert_return (invoke "host" (i32.const 1)))
