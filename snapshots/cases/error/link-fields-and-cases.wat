(component
  (component $C
    (type $p (record (field "x" s32) (field "z" s32)))
    (export $point "point" (type $p))
    (type $s (variant (case "dot") (case "circle" f64)))
    (export $shape "shape" (type $s))
    (core module $m (func (export "f") (param i32 i32 i32 f64)))
    (core instance $i (instantiate $m))
    (func (export "draw") (param "at" $point) (param "shape" $shape)
      (canon lift (core func $i "f"))))
  (instance $c (instantiate $C))
  (export "example:shapes/canvas" (instance $c)))
(component
  (import "example:shapes/canvas" (instance
    (type $p (record (field "x" s32) (field "y" s32)))
    (export "point" (type $point (eq $p)))
    (type $s (variant (case "dot") (case "square" f64)))
    (export "shape" (type $shape (eq $s)))
    (export "draw" (func (param "at" $point) (param "shape" $shape))))))
