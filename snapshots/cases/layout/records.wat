;; Plain records, which move as bytes, and one whose layout depends on pointers.
(component
  (type $point' (record (field "x" f64) (field "y" f64)))
  (import "point" (type $point (eq $point')))
  (type $entry' (record (field "id" u8) (field "name" string) (field "at" $point) (field "tag" char)))
  (import "entry" (type $entry (eq $entry')))
  (type $set' (flags "a" "b" "c" "d" "e" "f" "g" "h" "i"))
  (import "set" (type $set (eq $set')))
  (import "points" (func (param "points" (list $point)) (result f64)))
  (import "entries" (func (param "by" $set) (result (list $entry)))))
