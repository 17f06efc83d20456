;;! stubs = defaults
(component
  (import "example:net/sockets" (instance $sockets
    (export "connection" (type $connection (sub resource)))
    (export "connect" (func (result (own $connection))))))
  (core func $connect (canon lower (func $sockets "connect")))
  (core module $app
    (import "" "connect" (func $connect (result i32)))
    (func (export "run") (drop (call $connect))))
  (core instance $i (instantiate $app (with "" (instance (export "connect" (func $connect))))))
  (func (export "run") (canon lift (core func $i "run"))))
