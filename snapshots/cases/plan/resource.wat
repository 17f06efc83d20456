;; A resource with a destructor, handed from one component to another.
(component
  (component $owner
    (core module $m
      (func (export "drop") (param i32))
      (func (export "make") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m))
    (type $thing (resource (rep i32) (dtor (core func $i "drop"))))
    (export $thing' "thing" (type $thing))
    (core func $new (canon resource.new $thing))
    (core module $glue
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (result i32) (call $new (i32.const 7))))
    (core instance $glue (instantiate $glue (with "" (instance (export "new" (func $new))))))
    (func (export "make") (result (own $thing')) (canon lift (core func $glue "make"))))
  (instance $owner (instantiate $owner))
  (alias export $owner "thing" (type $thing))
  (component $user
    (import "thing" (type $thing (sub resource)))
    (import "make" (func $make (result (own $thing))))
    (core func $drop (canon resource.drop $thing))
    (core func $make' (canon lower (func $make)))
    (core module $m
      (import "" "make" (func $make (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "run") (call $drop (call $make))))
    (core instance $i (instantiate $m (with "" (instance
      (export "make" (func $make')) (export "drop" (func $drop))))))
    (func (export "run") (canon lift (core func $i "run"))))
  (instance $user (instantiate $user (with "thing" (type $thing)) (with "make" (func $owner "make"))))
  (export "run" (func $user "run")))
