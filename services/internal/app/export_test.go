package app

import "github.com/gin-gonic/gin"

// Routes lists the routes, for the test that holds them against the document.
// Nothing that they lead to is made, so nothing can be asked.
func Routes() (gin.RoutesInfo, error) {
	gin.SetMode(gin.ReleaseMode) // else gin prints each of them
	r, err := routes(gates{}, handlers{})
	if err != nil {
		return nil, err
	}
	return r.Routes(), nil
}
