(component
  (core module $m (func (export "f") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func (export "f") (param "width" u32) (param "height" u32) (canon lift (core func $i "f"))))
(component
  (import "f" (func (param "height" u32) (param "width" u32))))
