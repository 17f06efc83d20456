(component
  (core module $app
    (func $boot unreachable)
    (start $boot))
  (core instance $i (instantiate $app)))
