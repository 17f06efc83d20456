(component
  (core module $app (func (export "run") (result i32) (i32.const 0xd800)))
  (core instance $i (instantiate $app))
  (func (export "run") (result char) (canon lift (core func $i "run"))))
