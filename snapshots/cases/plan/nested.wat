;; Nesting, outer aliases and a component passed as an argument: nothing of it
;; is left in the plan.
(component
  (core module $m
    (global $calls (mut i32) (i32.const 0))
    (func (export "next") (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (global.get $calls)))
  (component $counter
    (alias outer 1 $m (core module $shared))
    (core instance $i (instantiate $shared))
    (func (export "next") (result u32) (canon lift (core func $i "next"))))
  (component $twice
    (import "make" (component $make (export "next" (func (result u32)))))
    (instance $a (instantiate $make))
    (instance $b (instantiate $make))
    (export "a" (instance $a))
    (export "b" (instance $b)))
  (instance $both (instantiate $twice (with "make" (component $counter))))
  (export "a" (instance $both "a"))
  (export "b" (instance $both "b")))
