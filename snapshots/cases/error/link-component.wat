;;! component = codec (component (core module $m (func (export "f") (param i64) (result i32) (i32.const 0))) (core instance $i (instantiate $m)) (func (export "encode") (param "n" s64) (result u32) (canon lift (core func $i "f"))))
(component
  (import "codec" (component $c
    (export "encode" (func (param "n" u64) (result u32)))
    (export "decode" (func (param "n" u32) (result u64)))))
  (instance $i (instantiate $c))
  (export "encode" (func $i "encode")))
