{{- define "sockwright.labels" -}}
app.kubernetes.io/name: sockwright
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "sockwright.open" -}}
{{- if or .Values.insecure (and .Values.tlsSecret .Values.tokensSecret) }}yes{{ end }}
{{- end }}
