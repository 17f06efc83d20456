(component
  (core module $m (func (export "f") (param i32)))
  (core instance $i (instantiate $m))
  (func (export "f") (param "amount" u32) (canon lift (core func $i "f"))))
(component
  (import "f" (func (param "amount" u32) (param "currency" string))))
