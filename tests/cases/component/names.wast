;; features: all,cm-nested-names
;; Names of imports and exports with everything that may stand beside them:
;; what the names of arguments and aliases match by is the name alone.

;; Nested namespaces and packages.
(component
  (component $c
    (import "a:b:c:d/e" (func $f (result u32)))
    (instance $out (export "f" (func $f)))
    (export "a:b/c/d@1.2.0" (instance $out)))
  (core module $m (func (export "f") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func $f (result u32) (canon lift (core func $i "f")))
  (instance $c (instantiate $c (with "a:b:c:d/e" (func $f))))
  (alias export $c "a:b/c/d@1.2.0" (instance $inner))
  (export "f" (func $inner "f")))
(assert_return (invoke "f") (u32.const 1))

;; Two instances of one interface under names of their own, with ids for tools
;; outside, and versions in two parts.
(component
  (component $c
    (import "first" (implements "a:b/c@1") (version-suffix ".2.3") (external-id "x")
      (instance $first (export "f" (func (result u32)))))
    (import "second" (implements "a:b/c@1") (version-suffix ".4.0")
      (instance $second (export "f" (func (result u32)))))
    (import "a:b/c@0.2" (version-suffix ".9") (instance $third (export "f" (func (result u32)))))
    (core func $f1 (canon lower (func $first "f")))
    (core func $f2 (canon lower (func $second "f")))
    (core func $f3 (canon lower (func $third "f")))
    (core module $m
      (import "" "1" (func $f1 (result i32)))
      (import "" "2" (func $f2 (result i32)))
      (import "" "3" (func $f3 (result i32)))
      (func (export "f") (result i32)
        (i32.add (i32.mul (call $f1) (i32.const 100))
          (i32.add (i32.mul (call $f2) (i32.const 10)) (call $f3)))))
    (core instance $i (instantiate $m (with "" (instance
      (export "1" (func $f1)) (export "2" (func $f2)) (export "3" (func $f3))))))
    (func $f (result u32) (canon lift (core func $i "f")))
    (instance $out (export "f" (func $f)))
    (export "out" (implements "a:b/c@1") (version-suffix ".2.3") (external-id "y") (instance $out)))
  (core module $m
    (func (export "1") (result i32) (i32.const 1))
    (func (export "2") (result i32) (i32.const 2))
    (func (export "3") (result i32) (i32.const 3)))
  (core instance $i (instantiate $m))
  (func $f1 (result u32) (canon lift (core func $i "1")))
  (func $f2 (result u32) (canon lift (core func $i "2")))
  (func $f3 (result u32) (canon lift (core func $i "3")))
  (instance $c (instantiate $c
    (with "first" (instance (export "f" (func $f1))))
    (with "second" (instance (export "f" (func $f2))))
    (with "a:b/c@0.2" (instance (export "f" (func $f3))))))
  (alias export $c "out" (instance $out))
  (export "f" (func $out "f")))
(assert_return (invoke "f") (u32.const 123))
