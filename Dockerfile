# A static binary in an empty image, as a user without rights.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /qiao ./cmd/qiao

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /qiao /qiao
USER 65532:65532
EXPOSE 8080 9090
ENV QIAO_CONFIG=/etc/qiao/qiao.yaml
HEALTHCHECK --interval=10s --timeout=3s CMD ["/qiao", "healthcheck"]
ENTRYPOINT ["/qiao"]
CMD ["serve"]
