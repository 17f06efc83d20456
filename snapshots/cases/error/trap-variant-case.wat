(component
  (type $e (enum "red" "green"))
  (export $color "color" (type $e))
  (core module $app (func (export "run") (result i32) (i32.const 7)))
  (core instance $i (instantiate $app))
  (func (export "run") (result $color) (canon lift (core func $i "run"))))
