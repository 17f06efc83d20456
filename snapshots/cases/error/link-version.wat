;;! define = example:app/log@2.1.0#write
(component
  (import "example:app/log@1.4.0" (instance
    (export "write" (func (param "line" string)))
    (export "flush" (func)))))
