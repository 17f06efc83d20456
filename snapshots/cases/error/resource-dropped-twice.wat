(component
  (type $file (resource (rep i32)))
  (type $socket (resource (rep i32)))
  (core func $new (canon resource.new $file))
  (core func $rep (canon resource.rep $file))
  (core func $drop (canon resource.drop $file))
  (core func $new-socket (canon resource.new $socket))
  (core module $app
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "rep" (func $rep (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (import "" "new-socket" (func $new-socket (param i32) (result i32)))
    (func (export "run") (local $h i32) (local.set $h (call $new (i32.const 1)))
      (call $drop (local.get $h)) (call $drop (local.get $h))))
  (core instance $i (instantiate $app (with "" (instance
    (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))
    (export "new-socket" (func $new-socket))))))
  (func (export "run") (canon lift (core func $i "run"))))
