;;! call = move({x: 1, z: 2})
;;! call = move({x: 1, y: "two"})
;;! call = move({x: 1, y: 300000000000})
;; Values as text are checked against the type before anything runs.
(component
  (type $p (record (field "x" s32) (field "y" s32)))
  (export $point "point" (type $p))
  (core module $m (func (export "f") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func (export "move") (param "to" $point) (canon lift (core func $i "f"))))
