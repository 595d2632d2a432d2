/** Swagger UI in the element marked `data-api-docs`, whose value is the address of the OpenAPI description. */

const place = document.querySelector("[data-api-docs]");

if (place instanceof HTMLElement) {
  window.SwaggerUIBundle({
    domNode: place,
    url: place.dataset.apiDocs,
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    supportedSubmitMethods: ["get", "post", "delete"],
    validatorUrl: null,
    requestInterceptor: (request) => {
      // Whoever is signed in tries things out as themselves; a token given under "Authorize" goes first.
      if (request.method && request.method !== "GET") {
        request.headers["X-CSRFToken"] = place.dataset.csrfToken ?? "";
      }
      return request;
    },
  });
}
