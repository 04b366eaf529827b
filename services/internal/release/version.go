package release

// Version is this version of the shop, without the "v" of its tag. A test holds what else names it to this value:
// openapi.yaml, the API's Dockerfile, docker-compose.yml and CHANGELOG.md.
const Version = "0.2.0"

// Previous is the commit of the release before this one. An upgrade starts from it, and a rollback ends at it.
const Previous = "6617005ad4e013a142c7c33ebcc7ef8a7ec1d67d"

// First is the first commit that an upgrade can start from. It knows layout 1 of the data.
const First = "4e3918d9c3f4f84ac4a46da8b725147c326c84df"
