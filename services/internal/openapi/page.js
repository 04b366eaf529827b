// Shows /openapi.yaml with Swagger UI. Nothing is loaded from elsewhere: no
// validator, no fonts; a token that is entered is not kept.
SwaggerUIBundle({
  url: '/openapi.yaml',
  dom_id: '#page',
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  docExpansion: 'list',
});
