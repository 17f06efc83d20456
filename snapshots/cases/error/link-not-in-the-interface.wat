;;! define = example:app/log@1.0.0#write
;;! define = example:app/log@1.0.0#rotate
(component
  (import "example:app/log@1.2.0" (instance
    (export "write" (func (param "line" string)))
    (export "colour" (func (param "on" bool))))))
