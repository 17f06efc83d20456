(component
  (core module $app
    (func $deep unreachable)
    (func (export "run") (call $deep)))
  (core instance $i (instantiate $app))
  (func (export "run") (canon lift (core func $i "run"))))
