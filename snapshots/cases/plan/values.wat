;; A value goes through a start function, and a function of the host comes
;; back as it was imported.
(component
  (import "name" (value $name string))
  (import "greet" (func $greet (param "name" string) (result string)))
  (start $greet (value $name) (result (value $greeting)))
  (component $Keep
    (import "v" (value $v string))
    (export "kept" (value $v)))
  (instance $keep (instantiate $Keep (with "v" (value $greeting))))
  (export "greeting" (value $keep "kept"))
  (export "greet" (func $greet)))
