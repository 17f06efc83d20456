;; Whoever gets a borrow must drop it before the call ends.
(component
  (component $Owner
    (type $r (resource (rep i32)))
    (export $R "r" (type $r))
    (core func $new (canon resource.new $r))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (result i32) (call $new (i32.const 1))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "make") (result (own $R)) (canon lift (core func $i "make"))))
  (component $Keeper
    (import "r" (type $r (sub resource)))
    (core module $m (func (export "keep") (param i32)))
    (core instance $i (instantiate $m))
    (func (export "keep") (param "it" (borrow $r)) (canon lift (core func $i "keep"))))
  (instance $owner (instantiate $Owner))
  (alias export $owner "r" (type $r))
  (instance $keeper (instantiate $Keeper (with "r" (type $r))))
  (core func $make (canon lower (func $owner "make")))
  (core func $keep (canon lower (func $keeper "keep")))
  (core module $app
    (import "" "make" (func $make (result i32)))
    (import "" "keep" (func $keep (param i32)))
    (func (export "run") (call $keep (call $make))))
  (core instance $i (instantiate $app (with "" (instance
    (export "make" (func $make)) (export "keep" (func $keep))))))
  (func (export "run") (canon lift (core func $i "run"))))
