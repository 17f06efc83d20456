(component
  (core module $m
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "crash") unreachable))
  (core instance $i (instantiate $m))
  (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))
  (func (export "crash") (canon lift (core func $i "crash")))
  (instance $calc (export "add" (func $add)))
  (export "example:math/calc@1.2.0" (instance $calc)))
