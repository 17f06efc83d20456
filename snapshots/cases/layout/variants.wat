;; Cases that share flat values of other types, a result, an option in an option,
;; and an enum of more than 256 cases would need two bytes; here one is enough.
(component
  (import "file" (type $file (sub resource)))
  (type $color' (enum "red" "green" "blue"))
  (import "color" (type $color (eq $color')))
  (type $value' (variant (case "none") (case "number" f32) (case "text" string) (case "wide" u64)
    (case "color" $color) (case "open" (own $file))))
  (import "value" (type $value (eq $value')))
  (import "find" (func (param "in" (borrow $file)) (param "what" $value)
    (result (result (option (option u16)) (error string))))))
