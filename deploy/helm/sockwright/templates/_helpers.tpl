{{- define "sockwright.labels" -}}
app.kubernetes.io/name: sockwright
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "sockwright.open" -}}
{{- if or .Values.insecure (and .Values.tlsSecret (or .Values.tokensSecret .Values.clientCaSecret)) }}yes{{ end }}
{{- end }}

{{- /* What one of `allow` admits, as JSON: {"blocks": [CIDR], "ports": [[FIRST, LAST]]}. */}}
{{- define "sockwright.allowed" -}}
{{- $prefix := . }}
{{- $ports := "1-65535" }}
{{- if hasPrefix "[" . }}
{{- $prefix = regexReplaceAll "^\\[(.*)\\].*$" . "${1}" }}
{{- if contains "]:" . }}
{{- $ports = regexReplaceAll "^.*\\]:" . "" }}
{{- end }}
{{- else if regexMatch "^[^:]*:[^:]*$" . }}
{{- $prefix = regexReplaceAll ":.*$" . "" }}
{{- $ports = regexReplaceAll "^.*:" . "" }}
{{- end }}
{{- $blocks := list $prefix }}
{{- if eq $prefix "all" }}
{{- $blocks = list "0.0.0.0/0" "::/0" }}
{{- else if not (contains "/" $prefix) }}
{{- $blocks = list (printf "%s/%s" $prefix (ternary "128" "32" (contains ":" $prefix))) }}
{{- end }}
{{- $ranges := list }}
{{- range splitList "," $ports }}
{{- $ends := splitList "-" (trim .) }}
{{- $ranges = append $ranges (list (first $ends | int) (last $ends | int)) }}
{{- end }}
{{- dict "blocks" $blocks "ports" $ranges | toJson }}
{{- end }}

{{- /* Peers of a NetworkPolicy: a list of blocks. */}}
{{- define "sockwright.blocks" -}}
{{- range . }}
- ipBlock: { cidr: {{ . | quote }} }
{{- end }}
{{- end }}

{{- /* Ports of a NetworkPolicy: ranges, less the port `but` where it is one. */}}
{{- define "sockwright.ports" -}}
{{- $but := .but }}
{{- range .ranges }}
{{- $first := index . 0 | int }}
{{- $last := index . 1 | int }}
{{- $parts := list (list $first $last) }}
{{- if and (le $first $but) (le $but $last) }}
{{- $parts = list (list $first (sub $but 1)) (list (add $but 1) $last) }}
{{- end }}
{{- range $parts }}
{{- $from := index . 0 | int }}
{{- $to := index . 1 | int }}
{{- if le $from $to }}
{{- range list "TCP" "UDP" }}
- { protocol: {{ . }}, port: {{ $from }}{{ if lt $from $to }}, endPort: {{ $to }}{{ end }} }
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
