;;! give = f tuple
(component
  (core module $m (func (export "f") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func (export "f") (param "pair" (tuple u32 char)) (canon lift (core func $i "f"))))
