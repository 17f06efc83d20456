;;! memory = 65536
(component
  (core module $app (memory 2))
  (core instance $i (instantiate $app)))
